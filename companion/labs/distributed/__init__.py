"""Distributed computing: what a case study needs beside the engine."""
