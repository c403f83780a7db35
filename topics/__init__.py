"""The logs between the components, behind one small interface."""
