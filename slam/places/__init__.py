"""What knows where the camera has been, and recognises it."""
