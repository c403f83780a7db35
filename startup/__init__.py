"""The startup of a service: settings, logs, secrets, and the guard and health checks of its port."""
