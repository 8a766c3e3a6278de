"""The REST face: turns requests into calls of the slices below, and their errors into problem documents."""
