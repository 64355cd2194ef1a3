"""The Gemini Live API: typed messages of both directions, and the frames they travel in."""
