"""What several features of the pages use: the view of a request, rendering, error pages, cookies, languages, the directory.

A feature imports from here and never from another feature; this package imports no feature.
"""
