"""The converter on Kafka: one transaction for rows, dead letters, ledger and offsets."""
