// The photograph of a walk-in: taken by the camera of the counter, sent with the form as a small JPEG.
// Without a camera, or without scripts, the form goes on without it.
const place = document.querySelector("[data-photograph]");
if (place && navigator.mediaDevices) {
  const [video, canvas] = [place.querySelector("video"), place.querySelector("canvas")];
  const value = place.querySelector("[name=photograph]");
  const [start, take, leaveOut] = ["start", "take", "leave-out"].map((name) => place.querySelector(`[data-${name}]`));
  const failed = place.querySelector("[data-no-camera]");
  const show = (...shown) => {
    for (const part of [video, canvas, start, take, leaveOut, failed]) part.hidden = !shown.includes(part);
  };
  const stop = () => video.srcObject?.getTracks().forEach((track) => track.stop());

  start.addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
      await video.play();
      show(video, take, leaveOut);
      take.focus();
    } catch {
      show(start, failed);
    }
  });
  take.addEventListener("click", () => {
    drawMiddleOf(video, video.videoWidth, video.videoHeight);
    value.value = canvas.toDataURL("image/jpeg", 0.8).split(",")[1];
    stop();
    show(canvas, start, leaveOut);
    start.focus();
  });
  leaveOut.addEventListener("click", () => {
    value.value = "";
    stop();
    show(start);
    start.focus();
  });

  // Draw the middle of a picture, in the shape of the canvas.
  function drawMiddleOf(picture, width, height) {
    const scale = Math.max(canvas.width / width, canvas.height / height);
    const [wide, high] = [canvas.width / scale, canvas.height / scale];
    canvas
      .getContext("2d")
      .drawImage(picture, (width - wide) / 2, (height - high) / 2, wide, high, 0, 0, canvas.width, canvas.height);
  }

  // A form that is shown again, because something in it was wrong, keeps its photograph.
  async function restore() {
    const bytes = Uint8Array.from(atob(value.value), (letter) => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    drawMiddleOf(picture, picture.width, picture.height);
    show(canvas, start, leaveOut);
  }

  place.hidden = false;
  if (value.value) restore().catch(() => { value.value = ""; });
}
