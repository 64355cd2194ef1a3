"""What calls cost: prices by modality, exact amounts, budgets."""
