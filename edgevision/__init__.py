"""The workstation side of edgevision: learn, shrink, prove, ship."""

__version__ = "0.1.0"
