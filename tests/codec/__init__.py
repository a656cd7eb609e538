"""Tests of the codec's modules."""
