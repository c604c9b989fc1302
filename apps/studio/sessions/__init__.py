"""State kept between two clicks: ads, jobs and the model queue of each visitor."""
