"""Lists for the schools' clerks: what to mend in the SIS, one Excel file per school, only its own records."""
