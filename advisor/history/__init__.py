"""Past checks on disk: an embedded SQLite file that concurrent jobs and a killed one leave whole."""
