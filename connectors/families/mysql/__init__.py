"""The catalogue of MySQL 5.7 and newer and MariaDB 10.3 and newer: their information_schema."""
