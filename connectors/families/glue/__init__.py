"""What Glue's catalogue holds, as tables with columns."""
