"""An administrator's afternoon, from the installation to the restore, on machines that are network
namespaces."""
