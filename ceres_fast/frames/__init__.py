"""Frames: FITS files and mosaics read, what their headers say, which pixels are missing, stamps cut out."""
