"""The Tk window: it owns every widget and never talks to a server directly."""
