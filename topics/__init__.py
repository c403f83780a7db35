"""The logs between the stations, behind one small interface."""
