// What a guard hears and feels of a verdict, so that they can keep their eyes on the visitor.

export type Tone = "good" | "ask" | "amber" | "bad";
/** Frequency in hertz, start and length in seconds. */
type Note = [number, number, number];
const NOTES: Record<Tone, Note[]> = {
  ask: [[880, 0, 0.09]],
  good: [[660, 0, 0.12], [990, 0.13, 0.2]],
  amber: [[440, 0, 0.16], [440, 0.24, 0.16]],
  bad: [[196, 0, 0.3], [147, 0.32, 0.5]],
};
const PULSES: Record<Tone, number[]> = {
  ask: [40], good: [90], amber: [120, 90, 120], bad: [350, 120, 350],
};
let context: AudioContext | undefined;

/** Let the page make sounds; a browser allows it from a touch or a key on, and may take it back. */
export function allowSound(): void {
  context ??= new AudioContext();
  if (context.state !== "running") void context.resume();
}

/** Play the sound of a verdict, and let the device vibrate. */
export function signal(tone: Tone): void {
  document.documentElement.dataset.signal = tone;
  navigator.vibrate?.(PULSES[tone]);
  if (context?.state !== "running") return;
  for (const [frequency, start, length] of NOTES[tone]) play(context, frequency, start, length);
}

function play(audio: AudioContext, frequency: number, start: number, length: number): void {
  const oscillator = audio.createOscillator();
  const volume = audio.createGain();
  const begin = audio.currentTime + start;
  oscillator.type = frequency < 300 ? "sawtooth" : "sine";
  oscillator.frequency.value = frequency;
  volume.gain.setValueAtTime(0.5, begin);
  volume.gain.exponentialRampToValueAtTime(0.001, begin + length);
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start(begin);
  oscillator.stop(begin + length);
}
