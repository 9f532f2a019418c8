"""The jobs of ``deploy/compose.yaml``: what is made once, before the processes of e-Pass start."""
