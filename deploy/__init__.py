"""How e-Pass is run: on one machine (`local`), and the settings every deployment shares."""
