from services.chassis.migrate import run_environment

run_environment()
