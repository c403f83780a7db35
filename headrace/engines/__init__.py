"""Kafka, ZooKeeper and Druid as processes on this machine."""
