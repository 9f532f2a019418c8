"""Programs that write files from the code: OpenAPI, HTTP client, map of the pages, message catalogues."""
