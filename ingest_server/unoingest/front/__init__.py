"""HTTP/1.1 under `unoingest serve`: connections, requests and answers, without what they mean."""
