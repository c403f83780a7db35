"""The contract between the components: the schema of a record, its encoding, and the columns of its row."""
