"""The startup of a service: settings, logs, secrets, locks, and the guard and health checks of its port."""
