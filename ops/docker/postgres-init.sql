-- Run once, when PostgreSQL makes its data directory. The image makes the database "temporal" itself.
CREATE DATABASE temporal_visibility;
