"""Object detection that runs itself: the parts behind the function, the command and the jobs."""
