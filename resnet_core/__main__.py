from resnet_core.cli import main

main()
