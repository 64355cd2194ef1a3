"""The console: pages that show what a server is and does, and instruments to talk with it and to understand it.

Documents are Jinja pages, which work without JavaScript; instruments are Preact modules without a build step.
"""

from antiphon.console.app import pages

__all__ = ["pages"]
