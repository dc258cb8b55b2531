"""What a log must obey from one leaf to the next: who may sign, chains, batches, approvals."""
