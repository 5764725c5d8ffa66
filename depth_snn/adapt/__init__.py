"""The policy follows the scene: cheap statistics, a library of policies, and their evolution."""
