"""A made-up sidecar in memory, for screenshots and tests: same shapes, same answers, no photos needed."""
