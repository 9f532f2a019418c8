"""What several features of the pages use: view, rendering, error pages, cookies, languages, directory.

A feature imports from here and never from another feature; this package imports no feature.
"""
