"""What makes time pass for the core: the virtual driver, and later the live one."""
