"""A field becomes stamps: rules, what is stationary, which detections are known asteroids, cutting."""
