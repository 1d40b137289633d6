"""Show it: tables, figures, the HTML report and the command line."""
