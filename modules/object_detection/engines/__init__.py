"""The engines that run a network; `registry.py` lists them."""
