"""Where ends go: what each destination that is set makes in AWS and needs of it."""
