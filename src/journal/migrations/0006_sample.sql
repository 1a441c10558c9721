UPDATE cursor SET calls = 12, followed = 0;
