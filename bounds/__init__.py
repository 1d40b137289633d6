"""What theory promises: stencils, constants, schedules, hard instances."""
