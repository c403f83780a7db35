"""What is removed from visitors' texts before they are stored: invisible characters, e-mail addresses, click ids, parameters of URLs."""
