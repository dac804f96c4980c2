"""What the tests of the Python SDK need around it: a gateway, tokens, jobs that do as told, a line to cut."""
