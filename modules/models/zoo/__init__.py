"""Public models: `catalogue.py` lists them, `fetch.py` downloads and verifies them."""
