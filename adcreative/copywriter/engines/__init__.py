"""Line sources: the ad's own phrases, a local language model, a chat server."""
