"""Other packages, imported and set up so that they behave alike everywhere."""
