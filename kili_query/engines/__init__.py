"""Engines: functions of a tree and counts. They know neither files nor the network."""
