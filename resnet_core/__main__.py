from resnet_core.cli.main import main

main()
